"""What protocols' bytes become when a capture is made anonymous: one protocol, one file.

Everything is overwritten unless a file here understood it and keeps it: structure, codes, and the
words of programs. Lengths never change.
"""
