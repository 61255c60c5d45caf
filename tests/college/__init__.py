"""A second PICSWeb, quite unlike the example: nothing that the app may take for granted is the same here."""
