"""The Caption panel: what a camera, a video or a picture shows, in words."""
