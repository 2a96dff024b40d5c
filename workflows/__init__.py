"""Missions: the base class every mission extends, the refund mission and the use claim. They judge nothing."""
