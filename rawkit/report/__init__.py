"""What people read: descriptions and pictures of what there is."""
