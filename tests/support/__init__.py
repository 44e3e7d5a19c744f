"""What several tests share: a loop that jumps in time, and real SNMP agents."""
