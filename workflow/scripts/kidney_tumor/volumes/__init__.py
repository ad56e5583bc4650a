"""Plain voxels: files, grids, labels, masks and their components. Nothing here knows a case or a workflow."""
