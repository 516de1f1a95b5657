"""What the vendor can be asked, by area. Calls that wipe many things at once are not here, and are not to be added."""
