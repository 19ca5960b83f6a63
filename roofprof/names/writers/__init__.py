"""One module for each program that writes range names, and the table of them."""
