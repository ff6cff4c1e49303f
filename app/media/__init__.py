"""Pictures, cameras and videos as they come; pixels as the networks want them. No Qt, no torch."""
