"""What SMS Inbox costs: each row of the table compares two sides inside one run, see README.md."""
