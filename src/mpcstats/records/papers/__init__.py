"""Papers: signed statements that come with a question, and the registers of projects and of their source records."""
