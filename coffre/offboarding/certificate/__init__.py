"""The certificate of erasure: its facts from the journal, its two signed files, and their verification."""
