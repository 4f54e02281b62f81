"""What noise costs: the loss of an answer, what adds up over answers, and a budget for each dataset."""
