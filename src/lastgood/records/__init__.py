"""What lastgood remembers, in files of the state folder: ledger, runs, leases, the shelf of releases."""
