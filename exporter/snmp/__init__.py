"""SNMP: one Session protocol, two engines behind it, and the policy above them."""
