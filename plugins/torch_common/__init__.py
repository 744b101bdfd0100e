"""What plugins with networks share: devices, the training loop, schedules, losses and files. No plugin itself."""
