"""What use costs and whose the income is: units from the ledger, tariffs, the split of income."""
