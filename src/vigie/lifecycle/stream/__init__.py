"""Events from a broker: ``vigie stream``. One module a broker; what is done with messages is the same for all."""
