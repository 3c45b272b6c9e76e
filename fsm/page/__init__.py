"""The report as one page of HTML with pictures: no script, nothing loaded, at most a megabyte."""
