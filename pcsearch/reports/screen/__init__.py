"""The live screen of a search: what it shows, drawn for a terminal of any size."""
