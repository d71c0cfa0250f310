"""The page of albums."""
