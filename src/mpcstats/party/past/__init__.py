"""What a party keeps of earlier runs to compare with: its shares of released cells, and an owner's index of persons."""
