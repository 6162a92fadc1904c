"""What chapter 11 draws, measures and asks."""
