"""Where the values of a JSON text end, found without parsing them."""
