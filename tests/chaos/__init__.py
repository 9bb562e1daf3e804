"""Workers, producers and a broker as processes; faults from a seed; and a history that is checked afterwards."""
