"""Every effect a workflow has: a transition recorded, a rung fired, a notice delivered, a case woken."""
