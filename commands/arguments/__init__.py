"""What each verb takes: a row and a function per verb, in the order of the help."""
