"""What the vendor answers, as types; a text in them is bounded and escaped. What nobody reads is left out."""
