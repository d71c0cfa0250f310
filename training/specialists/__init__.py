"""How the default encoder's weights are made: python -m training specialists."""
