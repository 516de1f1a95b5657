"""What a change of tenant files means, before anybody applies it."""
