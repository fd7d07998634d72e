"""Taylor enclosures: bounds of derivatives that are proved, and certified remainders."""
