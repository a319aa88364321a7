"""What goes out, and what comes in beside the forms. The same shape in a list as alone."""
