"""How columns get their levels: rules propose, a reviewer decides, every decision is kept."""
