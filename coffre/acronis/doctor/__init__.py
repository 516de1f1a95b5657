"""What a real partner's account shows by reading alone: whether Coffre can work with it, and which assumptions hold."""
