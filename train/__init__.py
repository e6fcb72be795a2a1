"""How the shipped heads were made; nothing here runs in the product."""
