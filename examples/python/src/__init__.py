"""The Python side of uredit: a request goes into the spool, records come back."""
