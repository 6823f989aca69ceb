"""Where funcX 0.3 had some of its names."""
