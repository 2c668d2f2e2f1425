"""What each vendor's support asks for: a small file each, and the list of them."""
