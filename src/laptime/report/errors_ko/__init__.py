"""Korean for the lines that tell what a user did that cannot work, a file for each part of the source."""
