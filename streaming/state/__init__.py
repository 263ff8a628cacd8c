"""What a job keeps: checkpoints, streams of many keys, and events that wait for their targets."""
