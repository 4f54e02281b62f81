"""How far one person moves what a plan opens: what noise must hide, whatever the data are."""
