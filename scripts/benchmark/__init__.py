"""Makes a large capture out of small real ones and times pcapdiag beside other tools."""
