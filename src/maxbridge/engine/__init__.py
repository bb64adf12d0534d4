"""The parts that every loop shares: the gate, lanes and pools of chats, the delivery runner, start and upkeep."""
