"""Other trainers beside our own, one file each: laptime.trainers.trainer has the seam."""
