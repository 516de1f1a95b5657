"""The availability of platforms: probes every minute, maintenance declared beforehand, decisions, the year's budget."""
