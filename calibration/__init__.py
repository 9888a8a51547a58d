"""What the mounting is: inertial errors, anatomical alignment, joint centre, the saved profile."""
