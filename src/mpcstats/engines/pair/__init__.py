"""Two compute parties and no helper: what either learns is what the card says, whatever the other one does with it."""
