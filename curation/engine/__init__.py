"""How work is spread: one function for a batch, one supervised pool of worker processes."""
