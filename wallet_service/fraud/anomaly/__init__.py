"""How unusual a redemption is: a model learnt from redemptions, one signal among others."""
