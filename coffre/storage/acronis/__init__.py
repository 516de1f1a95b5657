"""Acronis Cyber Protect as a kind of storage: the customer's tenant, its licences and its quota at the vendor's."""
