"""What every loop stands on: the gate, the lanes and pools of chats, the runner of deliveries, start and upkeep."""
