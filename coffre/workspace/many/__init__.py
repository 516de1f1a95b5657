"""Work on many tenants: in several processes, or in threads of this one, and what a killed command has done."""
