"""The same web app four times: what differs is only where the accepted work is put."""
